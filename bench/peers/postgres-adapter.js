import pg from 'pg'

/** node-oidc-provider's adapter interface on one table; every statement is named, so prepared once a connection. */
export async function createPostgresAdapter(connectionString) {
  const pool = new pg.Pool({ connectionString, max: 10 })
  await pool.query(`
    CREATE TABLE oidc_payload (
      model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL,
      grant_id text, user_code text, uid text, expires_at timestamptz, consumed_at timestamptz,
      PRIMARY KEY (model, id)
    );
    CREATE INDEX ON oidc_payload (grant_id) WHERE grant_id IS NOT NULL;
    CREATE UNIQUE INDEX ON oidc_payload (uid) WHERE uid IS NOT NULL;
    CREATE UNIQUE INDEX ON oidc_payload (user_code) WHERE user_code IS NOT NULL`)

  const run = (name, text, values) => pool.query({ name, text, values })
  const found = ({ rows: [row] }) => {
    if (row === undefined || (row.expires_at !== null && row.expires_at <= new Date()))
      return undefined
    return row.consumed_at === null ? row.payload : { ...row.payload, consumed: true }
  }
  const COLUMNS = 'payload, expires_at, consumed_at'

  return class PostgresAdapter {
    constructor(model) {
      this.model = model
    }

    async upsert(id, payload, expiresIn) {
      const { grantId = null, userCode = null, uid = null } = payload
      const values = [
        this.model,
        id,
        JSON.stringify(payload),
        grantId,
        userCode,
        uid,
        expiresIn ?? null
      ]
      await run(
        'upsert',
        `INSERT INTO oidc_payload (model, id, payload, grant_id, user_code, uid, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
         ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, grant_id = excluded.grant_id,
           user_code = excluded.user_code, uid = excluded.uid, expires_at = excluded.expires_at`,
        values
      )
    }

    async find(id) {
      return found(
        await run('find', `SELECT ${COLUMNS} FROM oidc_payload WHERE model = $1 AND id = $2`, [
          this.model,
          id
        ])
      )
    }

    async findByUid(uid) {
      return found(
        await run('find_uid', `SELECT ${COLUMNS} FROM oidc_payload WHERE uid = $1 AND model = $2`, [
          uid,
          this.model
        ])
      )
    }

    async findByUserCode(code) {
      return found(
        await run(
          'find_code',
          `SELECT ${COLUMNS} FROM oidc_payload WHERE user_code = $1 AND model = $2`,
          [code, this.model]
        )
      )
    }

    async consume(id) {
      await run(
        'consume',
        'UPDATE oidc_payload SET consumed_at = now() WHERE model = $1 AND id = $2',
        [this.model, id]
      )
    }

    async destroy(id) {
      await run('destroy', 'DELETE FROM oidc_payload WHERE model = $1 AND id = $2', [
        this.model,
        id
      ])
    }

    async revokeByGrantId(grantId) {
      await run('revoke', 'DELETE FROM oidc_payload WHERE grant_id = $1', [grantId])
    }
  }
}
