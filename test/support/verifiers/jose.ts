import { createRemoteJWKSet, jwtVerify } from 'jose'
import { answerLines } from './answer.ts'

const issuer = process.env['ISSUER'] ?? ''
const keys = createRemoteJWKSet(new URL(process.env['JWKS_URI'] ?? ''))
const rules = { issuer, audience: issuer, typ: 'at+jwt', algorithms: ['RS256'] }

answerLines((token) => jwtVerify(token, keys, rules))
