import { hash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { ISSUER } from './app.ts'

/** A client's key, and the proofs that it makes with it (RFC 9449 §4.2). */
export async function givenDpopKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)

  /** @param accessToken what the proof goes with, at a resource */
  async function prove(path: string, method = 'POST', accessToken?: string): Promise<string> {
    const ath = accessToken === undefined ? {} : { ath: hash('sha256', accessToken, 'base64url') }
    return new SignJWT({ htm: method, htu: ISSUER + path, ...ath })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .setJti(randomUUID())
      .sign(privateKey)
  }

  return { jkt: await calculateJwkThumbprint(jwk), prove }
}
