/** The Crate: every sound. */
export function Crate() {
  return (
    <main className="plain-page">
      <h1>Crate</h1>
    </main>
  );
}
