/** One request at a time; of the questions that come meanwhile only the newest is sent. */
export class LatestRequest<Question, Answer> {
  #next: { readonly question: Question } | null = null;
  #isRunning = false;
  #epoch = 0;

  constructor(
    private readonly send: (question: Question) => Promise<Answer>,
    private readonly onAnswer: (answer: Answer) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  ask(question: Question): void {
    this.#next = { question };
    void this.#run();
  }

  /** Forget the questions that wait, and the answer that is on its way. */
  cancel(): void {
    this.#next = null;
    this.#epoch += 1;
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#next) {
      const { question } = this.#next;
      this.#next = null;
      const epoch = this.#epoch;
      try {
        const answer = await this.send(question);
        if (epoch === this.#epoch) this.onAnswer(answer);
      } catch (error) {
        if (epoch === this.#epoch) this.onError(error);
      }
    }
    this.#isRunning = false;
  }
}
