/** The switch between the waveform and the spectrogram of a lane; the address holds it. */
import { setQuery, useAddress } from "../address";
import { useTooltip } from "../keys/commands";
import { Icon } from "../parts/icon";

const PARAMETER = "spectrum";

function shownIn(query: URLSearchParams): readonly string[] {
  return (query.get(PARAMETER) ?? "").split(",").filter(Boolean);
}

/** Whether the lane of a stem shows its spectrogram. */
export function useIsSpectrum(name: string): boolean {
  return shownIn(useAddress().query).includes(name);
}

export function toggleSpectrum(name: string): void {
  const shown = shownIn(new URLSearchParams(window.location.search));
  const next = shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name];
  setQuery({ [PARAMETER]: next.join(",") || null });
}

export function SpectrumButton({ name, label }: { name: string; label: string }) {
  const isOn = useIsSpectrum(name);
  const tip = useTooltip("track-spectrum");
  return (
    <button
      type="button"
      className={isOn ? "icon-btn small spectrum-button on" : "icon-btn small spectrum-button"}
      aria-pressed={isOn}
      aria-label={`Spectrogram of ${label}`}
      title={tip}
      onClick={() => toggleSpectrum(name)}
    >
      <Icon name="spectrum" />
    </button>
  );
}
