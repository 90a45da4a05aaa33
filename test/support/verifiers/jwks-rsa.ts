import jwt from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import { answerLines } from './answer.ts'

const issuer = process.env['ISSUER'] ?? ''
const client = new JwksClient({ jwksUri: process.env['JWKS_URI'] ?? '' })

answerLines(async (token) => {
  const { kid } = jwt.decode(token, { complete: true })?.header ?? {}
  const key = await client.getSigningKey(kid)
  return jwt.verify(token, key.getPublicKey(), { issuer, audience: issuer, algorithms: ['RS256'] })
})
