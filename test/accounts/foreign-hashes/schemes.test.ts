import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { readForeignHash, SCHEMES } from '../../../src/accounts/foreign-hashes/schemes.ts'

const SALT = 'VKpVSglhDKF0TinlXEsJQQ'
const HASH = 'rLWS72xEz+fkPxtnyw3v7g5vBLg0yFiWae3qu0F0jRw'
const HEX = 'eb95ad0447206e7d582e3a3dfc68b842636fb71e399f7c9a4d6239421f5e4784'
const BCRYPT = '/3G9X9dkxFUXQNYRTnQfveValYU..uXZ/2M.tqIjwAUHZTAxP0AEq'
const KEY = 'A'.repeat(86)

function refusal(hash: string): string | null {
  const reading = readForeignHash(hash)
  return 'refusal' in reading ? reading.refusal : null
}

void t.test('every scheme, at its bound: taken; one step beyond: refused by name', (t) => {
  const firebase = (cost: string) =>
    `$firebase-scrypt$${cost},salt_separator=Bw==,signer_key=${KEY}$${SALT}$${KEY}`
  const cases: [string, string, RegExp][] = [
    [`$2b$14$${BCRYPT}`, `$2b$15$${BCRYPT}`, /bcrypt has no cost of 4 to 14/],
    [`$2b$04$${BCRYPT}`, `$2b$03$${BCRYPT}`, /cost/],
    [`$2y$10$${BCRYPT}`, `$2x$10$${BCRYPT}`, /broken/],
    [`pbkdf2_sha256$2000000$s$${HASH}=`, `pbkdf2_sha256$2000001$s$${HASH}=`, /Django.*iterations/],
    [`pbkdf2:sha256:1$s$${HEX}`, `pbkdf2:sha256:0$s$${HEX}`, /Werkzeug.*iterations/],
    [`$scrypt$ln=17,r=8,p=2$${SALT}$${HASH}`, `$scrypt$ln=17,r=8,p=3$${SALT}$${HASH}`, /work/],
    [
      `$scrypt$ln=17,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=18,r=8,p=1$${SALT}$${HASH}`,
      /131072 KiB/
    ],
    [`$scrypt$ln=4,r=8,p=16$${SALT}$${HASH}`, `$scrypt$ln=4,r=8,p=17$${SALT}$${HASH}`, /cost/],
    [`scrypt:131072:8:1$s$${HEX}`, `scrypt:262144:8:1$s$${HEX}`, /memory/],
    [`scrypt:32768:8:1$s$${HEX}`, `scrypt:32767:8:1$s$${HEX}`, /cost/],
    [firebase('mem_cost=17,rounds=8'), firebase('mem_cost=18,rounds=8'), /Firebase.*memory/],
    [argon2('argon2i', 131_072, 8, 1), argon2('argon2i', 131_073, 1, 1), /memory/],
    [argon2('argon2id', 131_072, 8, 1), argon2('argon2id', 131_072, 9, 1), /work/],
    [argon2('argon2d', 1_024, 1, 16), argon2('argon2d', 1_024, 1, 17), /lanes/],
    [argon2('argon2d', 8, 1, 1), argon2('argon2d', 8, 0, 1), /passes/]
  ]
  for (const [taken, refused, reason] of cases) {
    t.equal(refusal(taken), null, taken)
    t.match(refusal(refused), reason, refused)
  }
  t.end()
})

function argon2(name: string, m: number, time: number, lanes: number): string {
  return `$${name}$v=19$m=${m},t=${time},p=${lanes}$${SALT}$${HASH}`
}

void t.test(
  'anything that is none, or not whole: refused, never a throw, nothing repeated',
  (t) => {
    const strings = [
      '',
      'password',
      '5f4dcc3b5aa765d61d8327deb882cf99',
      '$1$salt$hash',
      '$imported$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA',
      `$2b$10$${BCRYPT}x`,
      `$2b$1x$${BCRYPT}`,
      'pbkdf2_sha256$1000$salt$',
      `pbkdf2_sha256$1000$salt$${HASH.slice(4)}`,
      `pbkdf2_md5$1000$salt$${HASH}`,
      `pbkdf2:sha256:1000$salt$${HEX}ab`,
      `pbkdf2:sha256:1000$salt$${HEX.slice(1)}`,
      `pbkdf2:sha256$salt$${HEX}`,
      `pbkdf2:sha256:-1$salt$${HEX}`,
      `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=10,r=0,p=1$${SALT}$${HASH}`,
      `$scrypt$ln=10,r=8,p=1$${SALT}$AAAA`,
      `$scrypt$ln=10,r=8,p=1$${'A'.repeat(400)}$${HASH}`,
      'scrypt:1024:8:1$salt$abcd',
      '$firebase-scrypt$mem_cost=14,rounds=8,salt_separator=Bw==,signer_key=AAAA$c2FsdA==$AAAA',
      `$argon2id$v=18$m=8,t=1,p=1$${SALT}$${HASH}`,
      `$argon2id$v=19$m=8,t=1,p=1,keyid=AAAA$${SALT}$${HASH}`,
      `$argon2id$v=19$m=8,t=1,p=1$c2FsdA$${HASH}`,
      `$argon2id$v=19$m=99999999999999999999,t=1,p=1$${SALT}$${HASH}`
    ]
    for (const text of strings) {
      const reason = refusal(text)
      t.match(reason, /^(is of no known scheme|[\w() ,-]+ (is|has|asks|does) [\w ()$,.-]+)$/, text)
      t.notOk(reason?.includes(SALT) === true || reason?.includes(HASH) === true)
    }
    t.end()
  }
)

void t.test('every fixture: is of exactly one scheme', async (t) => {
  const file = join(import.meta.dirname, 'fixtures.json')
  const fixtures = JSON.parse(await readFile(file, 'utf8')) as { hash: string }[]
  const used = fixtures.map(({ hash }) => {
    const claimants = SCHEMES.filter(({ prefix }) => prefix.test(hash))
    t.equal(claimants.length, 1)
    return claimants[0]?.name
  })
  t.equal(new Set(used).size, SCHEMES.length, 'and every scheme has one')
})
