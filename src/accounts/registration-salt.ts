import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'

const SALT_BYTES = 16

export type RegistrationSalt = ReturnType<typeof createRegistrationSalt>

/**
 * The salt of a registration's password: one per address, secret and unpredictable like a random one. So
 * the same password, registered twice for one address, has one hash, which tells a person who registers
 * twice from two people; nothing is compared at registering, and nothing can be learned from its time.
 */
export function createRegistrationSalt(dataKeys: DataKeys) {
  return (canonicalEmail: string): Buffer =>
    hmacSha256(dataKeys.newest('blind_index'), `registration salt\0${canonicalEmail}`).subarray(
      0,
      SALT_BYTES
    )
}
