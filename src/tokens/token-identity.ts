/** By what a token can be refused before it expires. */
export type TokenIdentity = {
  /** Undefined for a client that comes by itself. */
  sid?: string
  sub: string
  client_id: string
  jti: string
  iat: number
  /** The tokens that an exchanged one was made from. */
  exchanged_from?: TokenIdentity[]
}

/** What a token is refused with: itself, and all that it was made from. */
export function identitiesOf({ sid, sub, client_id, jti, iat, ...more }: TokenIdentity) {
  const own: TokenIdentity = { sub, client_id, jti, iat, ...(sid !== undefined && { sid }) }
  return [own, ...(more.exchanged_from ?? [])]
}
