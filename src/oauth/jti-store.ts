import { sha256 } from '../lib/secrets.ts'
import type { Postgres } from '../platform/postgres.ts'

const SPEND = {
  name: 'jti_spend',
  text: 'INSERT INTO spent_jti (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING hash'
}

/** Whose `jti` it is, and until when a proof that carries it could be believed. */
export type Jti = {
  kind: 'assertion' | 'dpop' | 'request'
  issuer: string
  jti: string
  expiresAt: Date
}

export type SpendJti = ReturnType<typeof createJtiStore>['spend']

/** What may be shown once: Redis may forget, so it is Postgres that remembers. */
export function createJtiStore(postgres: Postgres) {
  /** The insert is the check. @returns whether it was never shown before: true for one caller of many */
  async function spend({ kind, issuer, jti, expiresAt }: Jti): Promise<boolean> {
    const hash = sha256(JSON.stringify([kind, issuer, jti]))
    const rows = await postgres.query<{ hash: Buffer }>(SPEND, [hash, expiresAt])
    return rows.length === 1
  }

  return { spend }
}
