import type { SigningAlgorithm } from '../signing/algorithm.ts'
import { invalidMetadata } from './client-soundness.ts'
import type { Client } from './client.ts'

type Rings = Pick<Client, 'idTokenAlg' | 'accessTokenAlg' | 'metadata'>

export type RequireRings = ReturnType<typeof createRingRule>

/** A client can only choose a ring that there is: what it was promised is what it gets. */
export function createRingRule(algorithms: readonly SigningAlgorithm[]) {
  /** @throws {OAuthError} `invalid_client_metadata` */
  return function requireRings({ idTokenAlg, accessTokenAlg, metadata }: Rings): void {
    const chosen = {
      id_token_signed_response_alg: idTokenAlg,
      access_token_signed_response_alg: accessTokenAlg,
      userinfo_signed_response_alg: metadata.userinfo_signed_response_alg ?? idTokenAlg
    }
    for (const [name, alg] of Object.entries(chosen)) {
      if (algorithms.includes(alg)) continue
      throw invalidMetadata(`${name} must be of: ${algorithms.join(', ')}`)
    }
  }
}

/** Whether a description chooses another ring than before: what was chosen once stays, its ring may be away. */
export function choosesRing(wanted: Rings, before: Rings): boolean {
  const signsUserinfo = ({ metadata }: Rings) => metadata.userinfo_signed_response_alg
  return wanted.idTokenAlg !== before.idTokenAlg || signsUserinfo(wanted) !== signsUserinfo(before)
}
