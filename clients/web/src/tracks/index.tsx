/** The place Tracks. */
export function Tracks() {
  return (
    <main className="plain-page">
      <h1 className="page-title">Tracks</h1>
    </main>
  );
}
