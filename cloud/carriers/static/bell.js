// A short sound, the same for every grade. A browser gives it after the first touch; a tablet without sound goes without.

const HERTZ = 880;
const SECONDS = 0.15;
let context = null;

export function ring() {
  try {
    context ??= new AudioContext();
    const tone = context.createOscillator();
    const volume = context.createGain();
    volume.gain.value = 0.2;
    tone.frequency.value = HERTZ;
    tone.connect(volume).connect(context.destination);
    tone.start();
    tone.stop(context.currentTime + SECONDS);
  } catch {
    // The words are there.
  }
}
