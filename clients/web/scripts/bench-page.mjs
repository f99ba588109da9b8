// What `bench-web.mjs` runs in the page.

/** Listen to all that goes to the output; runs before the page's own scripts. */
export function tapOutput() {
  const taps = (window.outputTaps = []);
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const tap = new AnalyserNode(this.context, { fftSize: 8192 });
      taps.push(tap);
      connect.call(this, tap);
    }
    return connect.call(this, target, ...rest);
  };
}

/** Promise in `heard` the milliseconds from the next key to the first sample at the output. */
export function listenForSound() {
  const samples = new Float32Array(8192);
  window.heard = new Promise((resolve, reject) => {
    addEventListener("keydown", ({ timeStamp }) => look(timeStamp), { once: true, capture: true });
    function look(pressed) {
      const now = performance.now();
      if (now - pressed > 10_000) return reject(new Error("nothing sounded within 10 s"));
      for (const tap of window.outputTaps) {
        tap.getFloatTimeDomainData(samples);
        const perSample = 1000 / tap.context.sampleRate;
        // What was played before the key is left out.
        const since = Math.max(0, Math.ceil(samples.length - (now - pressed) / perSample));
        for (let index = since; index < samples.length; index += 1) {
          if (Math.abs(samples[index]) < 1e-4) continue;
          return resolve(now - pressed - (samples.length - index) * perSample);
        }
      }
      setTimeout(look, 1, pressed);
    }
  });
}

/** Gather the milliseconds from each key to the end of the frame that it changed. */
export function keyToPaint() {
  const times = (window.keyTimes = []);
  addEventListener(
    "keydown",
    ({ timeStamp }) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        // A message that is sent before the frame is painted arrives after it.
        port1.onmessage = () => times.push(performance.now() - timeStamp);
        port2.postMessage(null);
      });
    },
    { capture: true },
  );
}

/** Scroll for some frames, by a step in pixels, or to random places for 0. */
export async function scroll({ step, frames }) {
  const list = document.querySelector(".crate-viewport");
  list.scrollTop = 0;
  let rows = 0;
  let seed = 7;
  const began = performance.now();
  for (let frame = 0; frame < frames; frame += 1) {
    seed = (seed * 16807) % 2147483647;
    list.scrollTop = step > 0 ? list.scrollTop + step : (list.scrollHeight * seed) / 2147483647;
    await new Promise(requestAnimationFrame);
    if (frame % 10 === 0) rows = Math.max(rows, document.querySelectorAll(".crate-row").length);
  }
  return { seconds: (performance.now() - began) / 1000, rows };
}
