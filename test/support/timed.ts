/** An answer, and how long it took. */
export async function timed<T>(act: () => Promise<T>): Promise<{ result: T; tookMs: number }> {
  const startedAtMs = performance.now()
  const result = await act()
  return { result, tookMs: Math.round(performance.now() - startedAtMs) }
}
