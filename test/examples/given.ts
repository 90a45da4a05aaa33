import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Test } from 'tap'
import { ISSUER, type TestApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { listenOnLoopback } from '../support/http-listener.ts'
import { basic, givenClient, givenCode, postForm, redeem } from '../support/oauth.ts'

const AUDIENCE = 'https://orders.example'

/** What a service behind a proxy was asked. Names as it reads them, where `_` and `-` are often the same. */
export type Seen = { method: string; url: string; headers: Map<string, string>; body: string }

/** A service that believes whatever the proxy in front of it says, and answers what it saw. */
export async function startBlindService(t: Test) {
  const seen: Seen[] = []
  const port = await listenOnLoopback(t, (incoming, response) => {
    void readBody(incoming).then((body) => {
      const { method = '', url = '', rawHeaders } = incoming
      const headers = new Map<string, string>()
      for (let i = 0; i < rawHeaders.length; i += 2) {
        headers.set(rawHeaders[i]!.toLowerCase().replaceAll(/[^a-z0-9]/g, '-'), rawHeaders[i + 1]!)
      }
      seen.push({ method, url, headers, body })
      response.writeHead(url === '/broken' ? 500 : 200).end(url)
    })
  })
  return { port, seen }
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

export type Asked = {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string
}

/** Asks for a path to the letter, which `fetch` would tidy up. */
export async function ask(port: number, path: string, { method, headers, body }: Asked = {}) {
  const options = { host: '127.0.0.1', port, path, agent: false }
  const outgoing = request({
    ...options,
    ...(method !== undefined && { method }),
    headers: { host: 'orders.example', ...headers }
  })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { status: incoming.statusCode, headers: incoming.headers, body: await readBody(incoming) }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** A person's tokens for the service, and those that must not open it. */
export async function givenTokens(app: TestApp) {
  const shop = await givenClient(app, {
    scope: 'openid orders:read',
    audiences: [AUDIENCE],
    shows_roles: true
  })
  const user = await givenUser(app)
  const person = (
    await redeem(app, shop, await givenCode(app, shop, { scope: 'openid orders:read' }))
  ).json()
  const robot = await givenClient(app, {
    redirect_uris: [],
    grant_types: ['client_credentials'],
    scope: 'orders:read',
    audiences: [AUDIENCE]
  })
  const stranger = await givenClient(app, {
    redirect_uris: [],
    grant_types: ['client_credentials'],
    audiences: ['https://invoices.example']
  })
  const login = await app.post('/auth/login', { email: user.email, password: user.password })
  return {
    shop,
    robot,
    person: person as { access_token: string; id_token: string; refresh_token: string },
    ofClient: await byItself(app, robot),
    bound: await byItself(app, robot, { dpop: await proofFor(`${ISSUER}/oauth/token`) }),
    ofStranger: await byItself(app, stranger),
    ofLogin: login.json().access_token as string
  }
}

async function byItself(
  app: TestApp,
  client: Awaited<ReturnType<typeof givenClient>>,
  headers: Record<string, string> = {}
) {
  const form = { grant_type: 'client_credentials' }
  const answer = await postForm(app, '/oauth/token', form, { ...basic(client), ...headers })
  if (answer.statusCode !== 200) throw new Error(`token: ${answer.body}`)
  return answer.json().access_token as string
}

/** A DPoP proof of a new key (RFC 9449 §4.2). */
async function proofFor(htu: string): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  return new SignJWT({ jti: randomUUID(), htm: 'POST', htu })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
    .setIssuedAt()
    .sign(privateKey)
}
