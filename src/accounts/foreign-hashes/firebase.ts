import { createCipheriv } from 'node:crypto'
import { decodeBase64 } from '../../lib/base64.ts'
import { MALFORMED, refuseLengths, type Reading, type Scheme } from './scheme.ts'
import { deriveScrypt, refuseScryptCost } from './scrypt.ts'

const FORM =
  /^\$firebase-scrypt\$mem_cost=([0-9]{1,2}),rounds=([0-9]{1,3}),salt_separator=([^,$]*),signer_key=([^,$]+)\$([^$]+)\$([^$]+)$/
const AES_KEY_BYTES = 32

/**
 * Firebase's own scrypt: the derived key encrypts the project's signer key (AES-256-CTR from zero), and
 * the ciphertext is the hash. Firebase writes the parts apart, this is our form of them together:
 * `$firebase-scrypt$mem_cost=14,rounds=8,salt_separator=…,signer_key=…$SALT$HASH`, all in base64.
 */
export const firebaseScrypt: Scheme = {
  name: 'scrypt (Firebase)',
  prefix: /^\$firebase-scrypt\$/,
  read
}

function read(text: string): Reading {
  const [, memCost, rounds, separatorText = '', keyText = '', saltText = '', hash = ''] =
    FORM.exec(text) ?? []
  const separator = separatorText === '' ? Buffer.alloc(0) : decodeBase64(separatorText)
  const signerKey = decodeBase64(keyText)
  const salt = decodeBase64(saltText)
  const expected = decodeBase64(hash)
  if (separator === null || signerKey === null || salt === null || expected === null) {
    return MALFORMED
  }
  if (signerKey.length !== expected.length) return MALFORMED
  const cost = { logN: Number(memCost), r: Number(rounds), p: 1 }
  const salted = Buffer.concat([salt, separator])
  const refusal = refuseScryptCost(cost) ?? refuseLengths(salted, expected)
  if (refusal !== null) return refusal
  return {
    expected,
    async derive(password) {
      const key = await deriveScrypt(password, salted, cost, AES_KEY_BYTES)
      return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(signerKey)
    }
  }
}
