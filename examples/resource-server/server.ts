// A service that takes Latchkey's access tokens. It knows the issuer's URL, and verifies by itself.
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify'
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the token says: set on routes that `authenticate` guards. */
    claims: JWTPayload | null
  }
}

const { ISSUER = 'http://localhost:3000', HOST = 'localhost', PORT = '4000' } = process.env
const issuer = new URL(ISSUER).origin

const jwks = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer))
const rules = {
  issuer,
  audience: issuer,
  typ: 'at+jwt',
  algorithms: ['RS256'],
  requiredClaims: ['sub', 'exp']
}

/** What jose throws when the keys cannot be had. Its other errors are about the token. */
const KEY_FAULTS = ['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT']

/** Lets a request with a valid token pass. A fault of ours is 503: at 401 a client throws its token away. */
async function authenticate(request: FastifyRequest, reply: FastifyReply) {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return refuse(reply, 'Bearer realm="example"') // RFC 6750 §3.1: nothing shown, no error
  try {
    const { payload } = await jwtVerify(token, jwks, rules)
    request.claims = payload
  } catch (error) {
    const isTokenFault = error instanceof errors.JOSEError && !KEY_FAULTS.includes(error.code)
    if (isTokenFault) return refuse(reply, 'Bearer error="invalid_token"')
    request.log.error(error)
    return reply.code(503).header('retry-after', '5').send({ error: 'Try again in a moment.' })
  }
}

function refuse(reply: FastifyReply, challenge: string) {
  const error = 'Send a valid access token.'
  return reply.code(401).header('www-authenticate', challenge).send({ error })
}

const app = fastify({ logger: { level: 'warn' } })
app.decorateRequest('claims', null)

app.get('/public', () => ({ message: 'Everybody may read this.' }))

app.get('/protected', { onRequest: authenticate }, ({ claims }) => ({
  sub: claims?.sub,
  scope: claims?.scope,
  roles: claims?.roles
}))

process.once('SIGTERM', () => void app.close())
console.log(`Listening on ${await app.listen({ host: HOST, port: Number(PORT) })}`)
