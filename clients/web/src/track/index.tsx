/** One track. */
export function Track({ item }: { item: string }) {
  return (
    <main className="plain-page">
      <h1>{item}</h1>
    </main>
  );
}
