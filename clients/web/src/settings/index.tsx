/** The place Settings. */
export function Settings({ section }: { section: string }) {
  return (
    <main className="plain-page">
      <h1 className="page-title">{section}</h1>
    </main>
  );
}
