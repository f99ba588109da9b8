/** Pads by Web MIDI: sixteen notes from C1 on, as drum pads send them. */

/** The note of the first pad. */
export const FIRST_NOTE = 36;

/** Return the index of the pad that a MIDI message strikes, or null. */
export function padOf(message: Uint8Array): number | null {
  const [status = 0, note = 0, velocity = 0] = message;
  const isNoteOn = (status & 0xf0) === 0x90 && velocity > 0;
  const pad = note - FIRST_NOTE;
  return isNoteOn && pad >= 0 && pad < 16 ? pad : null;
}

/**
 * Listen to all MIDI inputs, also to those that come later; return a function that stops.
 * Where the browser has no Web MIDI, or the user refuses, nothing is heard.
 */
export function listenToMidi(onPad: (index: number) => void): () => void {
  let access: MIDIAccess | null = null;
  let isOver = false;
  const onMessage = (event: MIDIMessageEvent): void => {
    const pad = event.data ? padOf(event.data) : null;
    if (pad !== null) onPad(pad);
  };
  const listen = (): void => {
    for (const input of access?.inputs.values() ?? []) input.onmidimessage = onMessage;
  };
  if ("requestMIDIAccess" in navigator) {
    navigator.requestMIDIAccess().then(
      (given) => {
        if (isOver) return;
        access = given;
        access.onstatechange = listen;
        listen();
      },
      () => undefined,
    );
  }
  return () => {
    isOver = true;
    if (!access) return;
    access.onstatechange = null;
    for (const input of access.inputs.values()) input.onmidimessage = null;
  };
}
