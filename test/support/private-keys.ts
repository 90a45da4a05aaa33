import { createPrivateKey } from 'node:crypto'
import pg from 'pg'
import { sealingKeyId, unseal } from '../../src/lib/aes-gcm.ts'
import type { Canaries } from './database-dump.ts'

/** Every private value of a server's keys, opened with its key-encryption key, by name. */
export async function privateKeysOf(
  databaseUrl: string,
  keyEncryptionKey: Buffer
): Promise<Canaries> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    const canaries: Canaries = {}
    const dataKeys = new Map<string, Buffer>()
    const data = await client.query<{ id: string; purpose: string; sealed: Buffer }>(
      'SELECT id, purpose, sealed_key AS sealed FROM data_key'
    )
    for (const { id, purpose, sealed } of data.rows) {
      const key = unseal(keyEncryptionKey, sealed, `data_key.sealed_key.${id}`)!
      dataKeys.set(id, key)
      canaries[`data key for ${purpose}`] = key
    }
    const signing = await client.query<{ kid: string; sealed: Buffer }>(
      'SELECT kid, sealed_private AS sealed FROM signing_key'
    )
    for (const { kid, sealed } of signing.rows) {
      const key = dataKeys.get(sealingKeyId(sealed) ?? '')!
      const der = unseal(key, sealed, `signing_key.sealed_private.${kid}`)!
      Object.assign(canaries, privateFormsOf(der))
    }
    return canaries
  } finally {
    await client.end()
  }
}

/** A private key as DER, PEM, and each private field of a JWK in base64url and as bytes. */
function privateFormsOf(der: Buffer): Canaries {
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const jwk = key.export({ format: 'jwk' })
  const canaries: Canaries = {
    'PKCS #8': der,
    'PKCS #1': key.export({ format: 'der', type: 'pkcs1' }),
    'PEM line': key.export({ format: 'pem', type: 'pkcs8' }).toString().split('\n')[3]!
  }
  for (const field of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
    canaries[`JWK ${field}`] = jwk[field]!
    canaries[`bytes of ${field}`] = Buffer.from(jwk[field]!, 'base64url')
  }
  return canaries
}
