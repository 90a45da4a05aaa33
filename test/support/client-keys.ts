import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'
import type { PublicJwk } from '../../src/oauth/public-jwk.ts'
import { ISSUER, type TestApp } from './app.ts'
import type { TestClient } from './oauth.ts'

export type ClientKey = Awaited<ReturnType<typeof givenKey>>

/** A key pair of a client, with its public half as it is registered. */
export async function givenKey(alg = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const { kty, crv = '', x = '', y = '', n = '', e = '' } = jwk
  const members =
    kty === 'RSA' ? { e, kty, n } : kty === 'OKP' ? { crv, kty, x } : { crv, kty, x, y }
  /** RFC 7638 §3, by hand. */
  const jkt = createHash('sha256').update(JSON.stringify(members)).digest('base64url')
  return { alg, privateKey, jwk: jwk as PublicJwk, jkt }
}

/** Seconds of the app's own clock. */
export function nowSeconds({ app }: Pick<TestApp, 'app'>): number {
  return Math.floor(app.clock.now().getTime() / 1_000)
}

type Signing = { alg: string; privateKey: CryptoKey }

/** `crit` may name `x`, so that a test can send what no server knows. */
async function signed(
  { alg, privateKey }: Signing,
  header: Record<string, unknown>,
  payload: JWTPayload
): Promise<string> {
  return new SignJWT(payload)
    .setProtectedHeader({ alg, ...header })
    .sign(privateKey, { crit: { x: true } })
}

/** What a proof is made for, and what is wrong with it. */
export type ProofOptions = {
  url?: string
  method?: string
  accessToken?: string
  claims?: JWTPayload
  header?: Record<string, unknown>
}

/** A DPoP proof (RFC 9449 §4.2), for the token endpoint unless said otherwise. */
export async function dpopProof(
  app: TestApp,
  key: ClientKey,
  {
    url = '/oauth/token',
    method = 'POST',
    accessToken,
    claims = {},
    header = {}
  }: ProofOptions = {}
): Promise<string> {
  const ath =
    accessToken === undefined
      ? {}
      : { ath: createHash('sha256').update(accessToken).digest('base64url') }
  return signed(
    key,
    { typ: 'dpop+jwt', jwk: key.jwk, ...header },
    { jti: randomUUID(), htm: method, htu: ISSUER + url, iat: nowSeconds(app), ...ath, ...claims }
  )
}

/** A client assertion (RFC 7523 §3). */
export async function clientAssertion(
  app: TestApp,
  client: TestClient,
  key: ClientKey,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {}
): Promise<string> {
  const now = nowSeconds(app)
  return signed(key, header, {
    iss: client.id,
    sub: client.id,
    aud: ISSUER,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims
  })
}

/** The form fields of an assertion. */
export function assertionForm(assertion: string): Record<string, string> {
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion
  }
}

/** A request object (RFC 9101 §4). */
export async function requestObject(
  app: TestApp,
  client: TestClient,
  key: ClientKey,
  claims: JWTPayload = {},
  header: Record<string, unknown> = {}
): Promise<string> {
  const now = nowSeconds(app)
  return signed(
    key,
    { typ: 'oauth-authz-req+jwt', ...header },
    { iss: client.id, aud: ISSUER, client_id: client.id, iat: now, exp: now + 60, ...claims }
  )
}
