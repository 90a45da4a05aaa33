import t from 'tap'
import { parseRedisUrl } from '../../src/lib/redis-address.ts'

const NOBODY = { username: '', password: '' }

void t.test('URLs of one Redis: host, port, database, who we are', (t) => {
  t.strictSame(parseRedisUrl('redis://h'), {
    kind: 'single',
    nodes: [{ host: 'h', port: 6379 }],
    db: 0,
    ...NOBODY,
    tls: false
  })
  t.strictSame(parseRedisUrl('rediss://u:p%40%3A:x@[::1]:6380/2'), {
    kind: 'single',
    nodes: [{ host: '::1', port: 6380 }],
    db: 2,
    username: 'u',
    password: 'p@::x',
    tls: true
  })
  t.match(parseRedisUrl('redis://:p@h:6379/'), { username: '', password: 'p', db: 0 })
  t.end()
})

void t.test('URLs of Sentinels: theirs and the master’s name, and the passwords of both', (t) => {
  t.strictSame(parseRedisUrl('redis-sentinel://a,b:26380,[::1]/mymaster'), {
    kind: 'sentinel',
    nodes: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 26_380 },
      { host: '::1', port: 26_379 }
    ],
    ...NOBODY,
    tls: false,
    name: 'mymaster',
    db: 0,
    sentinels: NOBODY
  })
  t.match(
    parseRedisUrl('rediss-sentinel://u:p@a/m.1?db=3&sentinelUsername=s&sentinelPassword=%2F%3F'),
    {
      kind: 'sentinel',
      tls: true,
      username: 'u',
      password: 'p',
      name: 'm.1',
      db: 3,
      sentinels: { username: 's', password: '/?' }
    }
  )
  t.end()
})

void t.test('URLs of a cluster: some nodes, and who we are at all of them', (t) => {
  t.strictSame(parseRedisUrl('redis-cluster://u:p@a:7000,b,c:7002'), {
    kind: 'cluster',
    nodes: [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
      { host: 'c', port: 7002 }
    ],
    username: 'u',
    password: 'p',
    tls: false
  })
  t.match(parseRedisUrl('rediss-cluster://a/'), { kind: 'cluster', tls: true })
  t.end()
})

void t.test('anything else: null', (t) => {
  const wrong = [
    '',
    'redis:',
    'redis://',
    'redis://:p@',
    'http://h',
    'redis://a,b',
    'redis://h/x',
    'redis://h/1/2',
    'redis://h?db=1',
    'redis://h#1',
    'redis://:%ZZ@h',
    'redis://h:0x1',
    'redis://h:99999',
    'redis://h o',
    'redis-sentinel://a,b',
    'redis-sentinel://a,b/',
    'redis-sentinel://a,,b/m',
    'redis-sentinel://a/m m',
    'redis-sentinel://a/m/0',
    'redis-sentinel://a/m?db=x',
    'redis-sentinel://a/m?password=p',
    'redis-sentinel://a:b:c/m',
    'redis-cluster://a/1',
    'redis-cluster://a?db=1',
    'redis-cluster://a@b@c',
    'redis-ring://a'
  ]
  for (const url of wrong) t.equal(parseRedisUrl(url), null, url)
  t.end()
})
