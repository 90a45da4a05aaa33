import { randomBytes } from 'node:crypto'
import { hmacSha256 } from '../lib/secrets.ts'

const PREFIX = 'whsec_'
const SECRET_BYTES = 32

/** A signing secret as Standard Webhooks spells it: `whsec_` and 256 bits in base64. */
export function newWebhookSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64')
}

/** What is signed: the receiver checks that none of it was changed, and that it is not old. */
export type SignedMessage = { id: string; timestampSeconds: number; body: string }

/**
 * The headers of a delivery (Standard Webhooks 1.0): `webhook-signature` holds one `v1,…` for each
 * secret, separated by spaces, so that a receiver may know either while they are exchanged.
 */
export function signedHeaders(message: SignedMessage, secrets: string[]): Record<string, string> {
  const { id, timestampSeconds, body } = message
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
    return `v1,${hmacSha256(key, `${id}.${timestampSeconds}.${body}`).toString('base64')}`
  })
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatures.join(' ')
  }
}
