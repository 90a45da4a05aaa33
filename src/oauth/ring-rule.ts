import type { SigningAlgorithm } from '../signing/algorithm.ts'
import { invalidMetadata } from './client-soundness.ts'
import type { Client } from './client.ts'

export type RequireRings = ReturnType<typeof createRingRule>

/** A client can only choose a ring that there is: what it was promised is what it gets. */
export function createRingRule(algorithms: readonly SigningAlgorithm[]) {
  /** @throws {OAuthError} `invalid_client_metadata` */
  return function requireRings({
    idTokenAlg,
    accessTokenAlg
  }: Pick<Client, 'idTokenAlg' | 'accessTokenAlg'>): void {
    const chosen = {
      id_token_signed_response_alg: idTokenAlg,
      access_token_signed_response_alg: accessTokenAlg
    }
    for (const [name, alg] of Object.entries(chosen)) {
      if (algorithms.includes(alg)) continue
      throw invalidMetadata(`${name} must be of: ${algorithms.join(', ')}`)
    }
  }
}
