// The limits that need a web server: bare Fastify that says hello, and bare Fastify with nothing but what a
// refresh cannot do without: one prepared UPDATE, committed, and one RS256 signature off the main thread.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { fastify } from 'fastify'
import { Pool } from 'pg'

const signAsync = promisify(sign)
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const header = encode({ alg: 'RS256', typ: 'at+jwt', kid: 'limit' })
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 10 })

await pool.query(`
  CREATE TABLE session (
    id uuid PRIMARY KEY, generation int NOT NULL DEFAULT 0, rotated_at timestamptz NOT NULL DEFAULT now(),
    user_id uuid NOT NULL DEFAULT gen_random_uuid()
  ) WITH (fillfactor = 85)`)
const ids = Array.from({ length: 64 }, () => randomUUID())
await pool.query('INSERT INTO session (id) SELECT unnest($1::uuid[])', [ids])

const app = fastify()
const hello = { schema: { response: { 200: object({ hello: 'string' }) } } }
app.get('/hello', hello, () => ({ hello: 'world' }))
app.post(
  '/refresh',
  {
    schema: {
      body: { ...object({ refresh_token: 'string' }), required: ['refresh_token'] },
      response: { 200: object({ access_token: 'string', refresh_token: 'string' }) }
    }
  },
  async (request) => {
    const [id, generation] = (request.body as { refresh_token: string }).refresh_token.split('.')
    const { rows } = await pool.query<{ generation: number; user_id: string }>({
      name: 'rotate',
      text: `UPDATE session SET generation = generation + 1, rotated_at = now()
              WHERE id = $1 AND generation = $2 RETURNING generation, user_id`,
      values: [id, generation]
    })
    const [row] = rows
    if (row === undefined) throw new Error('spent')
    const iat = Math.floor(Date.now() / 1_000)
    const claims = {
      iss: 'https://id.example.com',
      aud: 'https://id.example.com',
      sub: row.user_id
    }
    const rest = { client_id: 'latchkey', scope: 'account', sid: id, iat, exp: iat + 600 }
    const text = `${header}.${encode({ ...claims, ...rest, jti: randomUUID() })}`
    const signature = await signAsync('sha256', Buffer.from(text), privateKey)
    return {
      access_token: `${text}.${signature.toString('base64url')}`,
      refresh_token: `${id ?? ''}.${row.generation}`
    }
  }
)
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'limit' }]
process.send?.({ ready: true, keys, tokens: ids.map((id) => `${id}.0`) })
process.on('disconnect', () => process.exit(0))

function object(properties: Record<string, string>) {
  const entries = Object.entries(properties).map(([name, type]) => [name, { type }])
  return { type: 'object', properties: Object.fromEntries(entries) }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
