/** Corrections of what machines found: shown at once, then sent; undo brings back what was before. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "./api";
import { keepAnswer, queries, showChange } from "./cache";
import { problemText } from "./problems";
import { showToast } from "./toasts";
import { undoQueue } from "./undo";

export type Correction = Schemas["Correction"];
export type CorrectionField = Schemas["CorrectionField"];
type Item = Schemas["Item"];

export function correctionsQuery(item: string) {
  return queryOptions({
    queryKey: ["item", item, "corrections"],
    queryFn: async (): Promise<readonly Correction[]> => {
      const path = { item };
      return (await data(api.GET("/v1/items/{item}/corrections", { params: { path } }))).items;
    },
  });
}

export interface CorrectionEdit {
  readonly item: string;
  readonly field: CorrectionField;
  /** `null` takes the correction back, so that the machine's value counts again. */
  readonly value: unknown;
  /** What was done, such as `Tempo is 124.0`. */
  readonly label: string;
  /** Called with each value that counts from then on, also by undo; `null` is the machine's. */
  onShown?(value: unknown): void;
}

/** Correct a value, or take a correction back, and make that undoable. */
export async function correct(edit: CorrectionEdit): Promise<void> {
  const { item, field, label } = edit;
  try {
    const query = correctionsQuery(item);
    await queries.ensureQueryData(query);
    let before: unknown = null;
    await undoQueue.run({
      label,
      apply: () => {
        // Edits run one after another: only now is it known what this one replaces.
        const known = queries.getQueryData(query.queryKey);
        before = known?.find((one) => one.field === field)?.value ?? null;
        return send(edit, edit.value);
      },
      revert: () => send(edit, before),
    });
    showToast(label, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

async function send({ item, field, onShown }: CorrectionEdit, value: unknown): Promise<void> {
  const { queryKey } = correctionsQuery(item);
  const itemKey = ["item", item];
  const [corrections, facts] = [
    queries.getQueryData(queryKey),
    queries.getQueryData<Item>(itemKey),
  ];
  const mine = corrections?.find((one) => one.field === field);
  const show = (own: Correction | null): void =>
    showChange<readonly Correction[]>(queryKey, (known) => [
      ...known.filter((one) => one.field !== field),
      ...(own ? [own] : []),
    ]);
  show(value === null ? null : shown(field, value, mine));
  showChange<Item>(itemKey, (known) => shownItem(known, field, value, mine));
  onShown?.(value);
  const path = { item, field };
  try {
    if (value === null) {
      await data(api.DELETE("/v1/items/{item}/corrections/{field}", { params: { path } }));
      show(null);
    } else {
      const put = api.PUT("/v1/items/{item}/corrections/{field}", {
        params: { path },
        body: { value },
      });
      show(await data(put));
    }
  } catch (error) {
    show(mine ?? null);
    if (facts) keepAnswer(itemKey, facts);
    onShown?.(mine?.value ?? null);
    throw error;
  }
  // A list that was read meanwhile shows the value before.
  onShown?.(value);
  void queries.invalidateQueries({ queryKey, exact: true });
  void queries.invalidateQueries({ queryKey: itemKey, exact: true });
  void queries.invalidateQueries({ queryKey: ["items"] });
}

/** A correction as it is shown until the server has answered. */
function shown(field: CorrectionField, value: unknown, before: Correction | undefined): Correction {
  const unknown = { machine: null, machine_confidence: null, by: "", version: 1 };
  return { ...unknown, older_results: [], at: "", ...before, field, value };
}

function shownItem(
  item: Item,
  field: CorrectionField,
  value: unknown,
  before: Correction | undefined,
): Item {
  const others = Object.entries(item.corrected ?? {}).filter(([name]) => name !== field);
  const mine = Array.isArray(value) ? true : (value as string | number);
  const corrected = Object.fromEntries(value === null ? others : [...others, [field, mine]]);
  if (field !== "tempo") return { ...item, corrected };
  return { ...item, corrected, bpm: (value ?? before?.machine ?? item.bpm) as number | null };
}
