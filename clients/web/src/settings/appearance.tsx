/** Appearance: the theme, kept on this device. */
import { useStore } from "../data/store";
import { Segmented } from "../parts/segmented";
import { chooseTheme, themeChoice } from "../theme";

export function AppearanceSettings() {
  const choice = useStore(themeChoice);
  return (
    <div className="settings-body">
      <p className="settings-lead">Kept on this device.</p>
      <div className="settings-row">
        <span className="grow">Theme</span>
        <Segmented
          label="Theme"
          value={choice}
          options={[
            { value: "dark", label: "Dark" },
            { value: "light", label: "Light" },
            { value: "system", label: "System" },
          ]}
          onChange={chooseTheme}
        />
      </div>
    </div>
  );
}
