/** The place Activity. */
export function Activity() {
  return (
    <main className="plain-page">
      <h1 className="page-title">Activity</h1>
    </main>
  );
}
