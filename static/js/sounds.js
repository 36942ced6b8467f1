// The sounds of a new message: two soft tones each, made here.

// Pitch in hertz, and when it starts, in seconds.
const TUNES = {
  chime: [[659, 0], [880, 0.12]],
  drop: [[988, 0], [659, 0.14]],
  knock: [[247, 0], [247, 0.16]],
};
let audio = null;

export function play(tune) {
  audio ??= new AudioContext();
  audio.resume();
  for (const [pitch, at] of TUNES[tune] ?? TUNES.chime) tone(pitch, audio.currentTime + at);
  document.dispatchEvent(new CustomEvent("notify:rang", { detail: { tune } }));
}

function tone(pitch, start) {
  const source = audio.createOscillator();
  const volume = audio.createGain();
  source.frequency.value = pitch;
  volume.gain.setValueAtTime(0.0001, start);
  volume.gain.exponentialRampToValueAtTime(0.06, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
  source.connect(volume).connect(audio.destination);
  source.start(start);
  source.stop(start + 0.32);
}
