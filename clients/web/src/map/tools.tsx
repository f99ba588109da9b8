/** What floats on a map: tools, the choice of the map, the legend. */

import { useQuery } from "@tanstack/react-query";
import { navigate } from "../address";
import { plural } from "../parts/format";
import { useTooltip } from "../keys/commands";
import { Icon, type IconName } from "../parts/icon";
import { mapsQuery } from "./data";
import { familiesOf } from "./families";
import type { Tool } from "./pointer";
import type { MapState } from "./use-map";
import { WHOLE } from "./view";

const TOOLS: readonly { tool: Tool; icon: IconName; label: string }[] = [
  { tool: "pan", icon: "hand", label: "Move the map" },
  { tool: "lasso", icon: "lasso", label: "Lasso" },
  { tool: "strum", icon: "wand", label: "Strum: play what you drag across" },
];

export function MapTools({ state }: { state: MapState }) {
  const { tool, setTool, scene } = state;
  const tips = [useTooltip("map-pan"), useTooltip("map-lasso"), useTooltip("map-strum")];
  const fitTip = useTooltip("map-fit");
  return (
    <div
      className="map-float map-tools"
      role="toolbar"
      aria-label="Tools"
      aria-orientation="vertical"
    >
      {TOOLS.map((entry, place) => (
        <button
          key={entry.tool}
          type="button"
          className={entry.tool === tool ? "icon-btn on" : "icon-btn"}
          aria-label={entry.label}
          aria-pressed={entry.tool === tool}
          title={tips[place]}
          onClick={() => setTool(entry.tool)}
        >
          <Icon name={entry.icon} />
        </button>
      ))}
      <button
        type="button"
        className="icon-btn"
        aria-label="Whole map"
        title={fitTip}
        onClick={() => scene?.moveTo(WHOLE)}
      >
        <Icon name="expand" />
      </button>
    </div>
  );
}

/** The choice of the map, with its number of sounds. */
export function MapChoice({ name, count }: { name: string; count: number | null }) {
  const maps = useQuery(mapsQuery);
  const names = (maps.data ?? []).map((map) => map.name);
  const listed = names.includes(name) ? names : [name, ...names];
  return (
    <div className="map-float map-bar">
      <select
        className="map-name"
        aria-label="Map"
        value={name}
        onChange={(event) => navigate(`/map/${encodeURIComponent(event.target.value)}`)}
      >
        {listed.map((each) => (
          <option key={each} value={each}>
            {each.charAt(0).toUpperCase() + each.slice(1)}
          </option>
        ))}
      </select>
      {count !== null && <span className="fg2 t12">{plural(count, "sound")}</span>}
    </div>
  );
}

export function MapLegend({ state: { map, points } }: { state: MapState }) {
  return (
    <ul className="map-float map-legend" aria-label="Colours">
      {familiesOf(map.classes ?? [], points.kind).map((family) => (
        <li key={family.name}>
          <i style={{ background: `var(--${family.colour})` }} />
          {family.name}
        </li>
      ))}
    </ul>
  );
}
