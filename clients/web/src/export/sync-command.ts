/** Names that mean the same inside double quotes in every shell. */
const PLAIN = /^[\p{L}\p{N} ._,()&+-]+$/u;

/** Return the command that mirrors one collection, or all of them, into a folder. */
export function syncCommand(collection?: { readonly id: string; readonly name: string }): string {
  const command = "cratedig sync ~/Music/Cratedig";
  if (!collection) return command;
  const { id, name } = collection;
  return PLAIN.test(name) && !name.startsWith("-") ? `${command} "${name}"` : `${command} ${id}`;
}
