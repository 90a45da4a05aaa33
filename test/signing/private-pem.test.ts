import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import t from 'tap'
import { UnusableKeyError, keyIdOf, publicJwkOf, readPrivatePem } from '../../src/signing/jwk.ts'

const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()

const pkcs8 = openssl('genrsa', '2048')
const pkcs1 = openssl('genrsa', '-traditional', '2048')
const folder = t.testdir({ 'key.pem': pkcs8 })
const file = `${folder}/key.pem`

void t.test('an RSA key as openssl writes it: read, whole and the same', async (t) => {
  const pems = { pkcs8, pkcs1, '3072 bits': openssl('genrsa', '3072') }
  t.match(pkcs8, /^-----BEGIN PRIVATE KEY/)
  t.match(pkcs1, /^-----BEGIN RSA PRIVATE KEY/)
  for (const [name, pem] of Object.entries(pems)) {
    const { alg, privateKey: key } = readPrivatePem(pem)
    t.equal(alg, 'RS256')
    t.ok(key.equals(createPrivateKey(pem)), name)
    const jwk = publicJwkOf(key)
    t.strictSame(Object.keys(jwk).sort(), ['e', 'kty', 'n'], 'its public half and nothing else')
    t.equal(await keyIdOf(jwk), await calculateJwkThumbprint(jwk, 'sha256'))
  }
})

void t.test('one key in both forms, with other line ends or text around it: one kid', async (t) => {
  const traditional = openssl('rsa', '-in', file, '-traditional')
  t.match(traditional, /^-----BEGIN RSA PRIVATE KEY/)
  const spellings = [pkcs8, traditional, pkcs8.replaceAll('\n', '\r\n'), `# mine\n${pkcs8}\n\n`]
  const kids = await Promise.all(
    spellings.map((pem) => keyIdOf(publicJwkOf(readPrivatePem(pem).privateKey)))
  )
  t.equal(new Set(kids).size, 1)
})

void t.test(
  'an EC and an Ed25519 key as openssl writes them: of the rings that they fit',
  async (t) => {
    const pems: [string, string, string[]][] = [
      [
        'ES256',
        openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout'),
        ['crv', 'kty', 'x', 'y']
      ],
      ['EdDSA', openssl('genpkey', '-algorithm', 'ed25519'), ['crv', 'kty', 'x']]
    ]
    for (const [expected, pem, members] of pems) {
      const { alg, privateKey } = readPrivatePem(pem)
      t.equal(alg, expected)
      const jwk = publicJwkOf(privateKey)
      t.strictSame(Object.keys(jwk).sort(), members, 'its public half and nothing else')
      t.equal(await keyIdOf(jwk), await calculateJwkThumbprint(jwk, 'sha256'))
    }
  }
)

void t.test('what cannot sign: refused, and the message repeats none of it', (t) => {
  const unusable = {
    'EC P-384': [openssl('ecparam', '-name', 'secp384r1', '-genkey', '-noout'), /not a key of RSA/],
    'an Ed448 key': [openssl('genpkey', '-algorithm', 'ed448'), /not a key of RSA/],
    'an X25519 key': [openssl('genpkey', '-algorithm', 'x25519'), /not a key of RSA/],
    'an RSA-PSS key': [openssl('genpkey', '-algorithm', 'RSA-PSS'), /not a key of RSA/],
    '1024 bits': [openssl('genrsa', '1024'), /2048/],
    '2040 bits': [openssl('genrsa', '2040'), /2048/],
    encrypted: [openssl('genrsa', '-aes256', '-passout', 'pass:x', '2048'), /unencrypted/],
    'encrypted, traditional': [
      openssl('rsa', '-in', file, '-aes256', '-passout', 'pass:x', '-traditional'),
      /unencrypted/
    ],
    'a public key': [openssl('rsa', '-in', file, '-pubout'), /private key/],
    'a certificate': [
      openssl('req', '-x509', '-key', file, '-subj', '/CN=x', '-days', '1'),
      /private key/
    ],
    'half a key': [pkcs8.slice(0, 900), /private key/],
    'a JWK': [JSON.stringify(createPrivateKey(pkcs8).export({ format: 'jwk' })), /private key/],
    nothing: ['', /private key/]
  } satisfies Record<string, [string, RegExp]>
  for (const [name, [pem, sentence]] of Object.entries(unusable)) {
    let error: unknown
    try {
      readPrivatePem(pem)
    } catch (caught) {
      error = caught
    }
    t.type(error, UnusableKeyError, name)
    t.match((error as Error).message, sentence, name)
    const [, secret] = pem.split('\n')
    if (secret !== undefined) t.notOk((error as Error).message.includes(secret))
  }
  t.end()
})
