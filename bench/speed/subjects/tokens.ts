export type Tokens = { access_token: string; refresh_token: string }

/** Less than the shortest life of an access token here. */
const TOKENS_LAST_MS = 120_000

/** What `make` gave last, made anew where its tokens might have ended. */
export function keepTokens<T>(make: () => Promise<T>): () => Promise<T> {
  let madeAtMs = Number.NEGATIVE_INFINITY
  let kept: Promise<T> | undefined
  return async () => {
    if (kept !== undefined && performance.now() - madeAtMs < TOKENS_LAST_MS) return kept
    madeAtMs = performance.now()
    kept = make()
    return kept
  }
}
