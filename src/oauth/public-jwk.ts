import { Type, type Static } from 'typebox'
import { LINE } from '../http/schemas.ts'

const Text = (maxLength: number) => Type.String({ maxLength, pattern: LINE })
const text = (maxLength: number) => Type.Optional(Text(maxLength))

/** A public key (RFC 7517 §4): a private member has no place here. */
export const PublicJwk = Type.Object(
  {
    kty: Type.Enum(['RSA', 'EC', 'OKP']),
    kid: text(256),
    alg: text(32),
    use: text(16),
    key_ops: Type.Optional(Type.Array(Text(32), { maxItems: 8 })),
    n: text(2_048),
    e: text(16),
    crv: text(32),
    x: text(256),
    y: text(256),
    x5c: Type.Optional(Type.Array(Text(8_192), { maxItems: 8 })),
    x5t: text(128),
    'x5t#S256': text(128)
  },
  { additionalProperties: false }
)
export type PublicJwk = Static<typeof PublicJwk>
