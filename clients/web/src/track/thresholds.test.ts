import { describe, expect, it } from "vitest";
import { LatestRequest } from "./latest-request";
import { isRead, rangeToRead } from "./thresholds-range";

describe("the newest request", () => {
  it("is the only one that is sent after the one under way", async () => {
    const sent: number[] = [];
    const answers: number[] = [];
    let answer = (): void => undefined;
    const request = new LatestRequest<number, number>(
      (question) => {
        sent.push(question);
        return new Promise((resolve) => (answer = () => resolve(question * 10)));
      },
      (value) => answers.push(value),
      () => undefined,
    );
    const settle = async (): Promise<void> => {
      answer();
      await new Promise(setImmediate);
    };
    for (const question of [1, 2, 3, 4]) request.ask(question);
    await settle();
    await settle();
    expect(sent).toEqual([1, 4]);
    expect(answers).toEqual([10, 40]);
    request.ask(5);
    request.ask(6);
    request.cancel();
    await settle();
    expect(answers).toEqual([10, 40]);
    request.ask(7);
    await settle();
    expect(answers).toEqual([10, 40, 70]);
  });

  it("goes on after an error", async () => {
    const errors: unknown[] = [];
    const answers: number[] = [];
    const request = new LatestRequest<number, number>(
      (question) => (question === 1 ? Promise.reject(new Error("no")) : Promise.resolve(question)),
      (value) => answers.push(value),
      (error) => errors.push(error),
    );
    request.ask(1);
    request.ask(2);
    await new Promise(setImmediate);
    expect(errors).toHaveLength(1);
    expect(answers).toEqual([2]);
  });
});

describe("the range that is read", () => {
  it("holds the view with as much before and after it, within the song", () => {
    expect(rangeToRead({ start: 20, end: 36 }, 200)).toEqual({ start: 4, end: 52 });
    expect(rangeToRead({ start: 2, end: 18 }, 20)).toEqual({ start: 0, end: 20 });
  });

  it("is bounded where the whole of a long song is in view", () => {
    const range = rangeToRead({ start: 0, end: 3600 }, 3600);
    expect(range.end - range.start).toBeLessThanOrEqual(90);
    expect(isRead(range, { start: 0, end: 3600 }, 3600)).toBe(true);
  });

  it("is read anew once the view has left it", () => {
    const range = rangeToRead({ start: 20, end: 36 }, 200);
    expect(isRead(range, { start: 30, end: 46 }, 200)).toBe(true);
    expect(isRead(range, { start: 40, end: 56 }, 200)).toBe(false);
    expect(isRead(null, { start: 0, end: 1 }, 200)).toBe(false);
  });
});
