import { Redis } from 'ioredis'

const CONSUMABLE = new Set([
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest'
])
const GRANTABLE = new Set(['AccessToken', ...CONSUMABLE])

/** node-oidc-provider's adapter interface on Redis: a key a model, a hash where it can be spent, a list a grant. */
export function createRedisAdapter(url) {
  const redis = new Redis(url, { keyPrefix: 'oidc:' })
  const grantKey = (id) => `grant:${id}`

  return class RedisAdapter {
    constructor(model) {
      this.model = model
    }

    key(id) {
      return `${this.model}:${id}`
    }

    async upsert(id, payload, expiresIn) {
      const key = this.key(id)
      const multi = redis.multi()
      const text = JSON.stringify(payload)
      if (CONSUMABLE.has(this.model)) {
        multi.hset(key, { payload: text })
        if (expiresIn) multi.expire(key, expiresIn)
      } else if (expiresIn) {
        multi.set(key, text, 'EX', expiresIn)
      } else {
        multi.set(key, text)
      }
      const { grantId, userCode, uid } = payload
      if (GRANTABLE.has(this.model) && grantId) {
        multi.rpush(grantKey(grantId), key)
        if (expiresIn) multi.expire(grantKey(grantId), expiresIn)
      }
      if (userCode) multi.set(`code:${userCode}`, id, 'EX', expiresIn)
      if (uid && this.model === 'Session') multi.set(`uid:${uid}`, id, 'EX', expiresIn)
      await multi.exec()
    }

    async find(id) {
      if (!CONSUMABLE.has(this.model)) {
        const text = await redis.get(this.key(id))
        return text === null ? undefined : JSON.parse(text)
      }
      const { payload, ...rest } = await redis.hgetall(this.key(id))
      return payload === undefined ? undefined : { ...JSON.parse(payload), ...rest }
    }

    async findByUid(uid) {
      const id = await redis.get(`uid:${uid}`)
      return id === null ? undefined : this.find(id)
    }

    async findByUserCode(code) {
      const id = await redis.get(`code:${code}`)
      return id === null ? undefined : this.find(id)
    }

    async consume(id) {
      await redis.hset(this.key(id), 'consumed', Math.floor(Date.now() / 1000))
    }

    async destroy(id) {
      await redis.del(this.key(id))
    }

    async revokeByGrantId(grantId) {
      const keys = await redis.lrange(grantKey(grantId), 0, -1)
      await redis.del(grantKey(grantId), ...keys)
    }
  }
}
