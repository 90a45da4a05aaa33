import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import packageJson from '../../package.json' with { type: 'json' }
import { readConfig } from '../../src/config.ts'
import { SETTINGS } from '../../src/settings.ts'
import { startApp } from '../support/app.ts'
import { ROOT } from './compose-file.ts'
import { readStages } from './dockerfile.ts'
import { findUnknownFields, validate } from './kubernetes-schemas.ts'
import { build, KUBERNETES, podOf, type Container, type Manifest } from './kustomization.ts'

const base = build(KUBERNETES)
const monitoring = build(join(KUBERNETES, 'monitoring'))
const recovery = build(join(KUBERNETES, 'recover'))
const all = [...base, ...monitoring, ...recovery]
const ofKind = (kind: string) => all.filter((manifest) => manifest.kind === kind)
const deployment = ofKind('Deployment')[0]!
const job = ofKind('Job')[0]!
const pods = [podOf(deployment)!, podOf(job)!, podOf(recovery[0]!)!]
const [server, migrate, recover] = pods.map(({ spec }) => spec.containers[0]!) as [
  Container,
  Container,
  Container
]
const KNOWN = new Set(Object.values(SETTINGS).map(({ name }) => name))
const SECRETS_DIR = '/run/secrets/latchkey'
const EXAMPLE = parseEnv(readFileSync(join(KUBERNETES, 'secret.env.example'), 'utf8'))

void t.test('every manifest, against the schema of its kind: it fits', (t) => {
  for (const manifest of all)
    t.doesNotThrow(() => {
      validate(manifest)
    }, `${manifest.kind} ${manifest.metadata.name}`)
  t.strictSame(findUnknownFields(all), [], 'and has no field that the schema lacks')
  const misspelt = structuredClone(deployment)
  Object.assign(podOf(misspelt)!.spec.containers[0]!, { livenessProb: {} })
  t.match(findUnknownFields([misspelt]), [/livenessProb/], 'which would be seen')
  const wrong = { ...deployment, spec: { replicas: 'three' } }
  t.throws(() => {
    validate(wrong)
  }, 'as would be a wrong one')
  t.end()
})

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0
void t.test(
  'our reading of the kustomization, beside that of kubectl: the same objects',
  { skip: hasKubectl ? false : 'kubectl is not installed' },
  (t) => {
    const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`
    for (const [folder, ours] of [
      [KUBERNETES, base],
      [join(KUBERNETES, 'monitoring'), monitoring],
      [join(KUBERNETES, 'recover'), recovery]
    ] as const) {
      const { stdout } = spawnSync('kubectl', ['kustomize', folder])
      const theirs = parseAllDocuments(stdout.toString()).map((one) => one.toJS() as Manifest)
      const sorted = (manifests: Manifest[]) =>
        manifests.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)))
      t.strictSame(sorted(theirs), sorted(ours))
    }
    t.end()
  }
)

void t.test('objects, all of them: in the namespace, which enforces what the pods keep to', (t) => {
  const [namespace] = ofKind('Namespace')
  for (const { kind, metadata } of all)
    if (kind !== 'Namespace') t.equal(metadata.namespace, namespace?.metadata.name, kind)
  t.equal(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted')
  for (const { spec } of pods) {
    t.match(spec, {
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 1000,
        fsGroup: 1000,
        seccompProfile: { type: 'RuntimeDefault' }
      }
    })
    for (const { securityContext, volumeMounts, ...container } of spec.containers) {
      t.strictSame(securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] }
      })
      t.match(container, { resources: { requests: { cpu: /m$/, memory: /Mi$/ }, limits: {} } })
      for (const { name } of volumeMounts) t.ok(spec.volumes.some((one) => one.name === name))
    }
  }
  t.end()
})

void t.test(
  'the image, the command and the user: as the Dockerfile and package.json have them',
  (t) => {
    const image = readStages().at(-1)!
    const textOf = (name: string) => image.instructions.findLast((one) => one.name === name)?.text
    const tag = packageJson.version
    for (const { image } of [server, migrate, recover]) t.equal(image, `latchkey:${tag}`)
    t.equal(job.metadata.name, `migrate-${tag}`, 'each version has a job of its own')
    t.equal(textOf('USER'), 'node', 'who is 1000 in the image of Node')
    t.strictSame(server.ports, [
      { name: 'http', containerPort: Number(textOf('EXPOSE')) },
      { name: 'metrics', containerPort: 9464 }
    ])
    t.equal(server.command, undefined)
    for (const { command = [] } of [migrate, recover]) {
      t.equal(command[0], 'node')
      t.ok(existsSync(join(ROOT, command[1] ?? '')))
    }
    t.end()
  }
)

void t.test(
  'settings, from the config map and the secret: known, and enough for production',
  (t) => {
    const [configMap] = ofKind('ConfigMap')
    const plain = configMap?.['data'] as Record<string, string>
    const own = Object.fromEntries((server.env ?? []).map(({ name, value }) => [name, value]))
    for (const name of [...Object.keys(plain), ...Object.keys(own)]) {
      t.ok(KNOWN.has(name.replace(/_FILE$/, '')), name)
    }
    const files = Object.entries(own).filter(([name]) => name.endsWith('_FILE'))
    for (const [name, path] of files) t.equal(path, `${SECRETS_DIR}/${name.replace(/_FILE$/, '')}`)
    t.strictSame(
      files.map(([name]) => name.replace(/_FILE$/, '')).sort(),
      Object.keys(EXAMPLE).sort()
    )
    for (const [name, value] of Object.entries(EXAMPLE)) t.equal(value, '', `${name} has no value`)
    const folder = t.testdir({
      DATABASE_URL: 'postgresql://latchkey:x@postgres/latchkey\n',
      REDIS_URL: 'redis-sentinel://:x@a,b,c/mymaster\n',
      SMTP_URL: 'smtps://mail',
      KEY_ENCRYPTION_KEY: 'ab'.repeat(32),
      METRICS_TOKEN: 'cd'.repeat(16)
    })
    const here = files.map(([name, path]) => [name, path.replace(SECRETS_DIR, folder)])
    const config = readConfig({ ...plain, ...own, ...Object.fromEntries(here) })
    t.match(config, { production: true, port: 3000, issuer: plain['ISSUER'] })
    t.equal(config.metricsPort, server.ports?.find(({ name }) => name === 'metrics')?.containerPort)
    const example = readFileSync(join(KUBERNETES, 'config-map.yaml'), 'utf8')
    t.match(
      example,
      `# KEY_ENCRYPTION_KEY_PREVIOUS_FILE: ${SECRETS_DIR}/KEY_ENCRYPTION_KEY_PREVIOUS\n`,
      'where the whole secret is mounted'
    )
    t.equal(podOf(deployment)!.spec.volumes[0]?.secret?.items, undefined)
    const forRecovery = (recover.env ?? []).map(({ name }) => name.replace(/_FILE$/, ''))
    for (const name of forRecovery) t.ok(KNOWN.has(name), name)
    t.strictSame(migrate.env, [{ name: 'DATABASE_URL_FILE', value: `${SECRETS_DIR}/DATABASE_URL` }])
    for (const { spec } of pods)
      t.match(spec.volumes[0], {
        name: 'secrets',
        secret: { secretName: 'latchkey', defaultMode: 0o440 }
      })
    t.end()
  }
)

void t.test('who points at whom, followed: labels, ports and names meet', (t) => {
  const isSelecting = (selector: Record<string, string>, labels: Record<string, string> = {}) =>
    Object.entries(selector).every(([key, value]) => labels[key] === value)
  const [ofServer, ofMigrate] = pods.map(({ metadata }) => metadata.labels)
  const select = (manifest: Manifest, path: string) =>
    path
      .split('.')
      .reduce<unknown>(
        (node, key) => (node as Record<string, unknown>)[key],
        manifest['spec']
      ) as Record<string, string>
  const [service] = ofKind('Service')
  const selectors = [
    select(service!, 'selector'),
    select(deployment, 'selector.matchLabels'),
    select(ofKind('PodDisruptionBudget')[0]!, 'selector.matchLabels'),
    select(ofKind('NetworkPolicy')[0]!, 'podSelector.matchLabels')
  ]
  for (const selector of selectors) {
    t.ok(isSelecting(selector, ofServer))
    t.notOk(isSelecting(selector, ofMigrate), 'and not the migration')
  }
  t.ok(isSelecting(select(ofKind('NetworkPolicy')[1]!, 'podSelector.matchLabels'), ofMigrate))
  t.ok(isSelecting(select(monitoring[0]!, 'selector.matchLabels'), service?.metadata.labels))
  t.match(service, {
    spec: {
      ports: [
        { name: 'http', targetPort: 'http' },
        { name: 'metrics', targetPort: 'metrics' }
      ]
    }
  })
  t.match(monitoring[0], {
    spec: {
      endpoints: [{ port: 'metrics', authorization: { credentials: { key: 'METRICS_TOKEN' } } }]
    }
  })
  const [configMap] = ofKind('ConfigMap')
  const host = new URL((configMap?.['data'] as Record<string, string>)['ISSUER']!).host
  t.match(ofKind('Ingress')[0], {
    spec: {
      tls: [{ hosts: [host] }],
      rules: [
        {
          host,
          http: { paths: [{ backend: { service: { name: 'latchkey', port: { name: 'http' } } } }] }
        }
      ]
    }
  })
  t.match(ofKind('HorizontalPodAutoscaler')[0], {
    spec: { scaleTargetRef: { kind: 'Deployment', name: deployment.metadata.name }, minReplicas: 3 }
  })
  t.notOk('replicas' in (deployment['spec'] as object), 'which an apply would undo')
  t.end()
})

void t.test('the drain, added up: shorter than the patience of Kubernetes', (t) => {
  const source = readFileSync(join(ROOT, 'src/start.ts'), 'utf8')
  const ms = (name: string) =>
    Number(new RegExp(`${name} = ([\\d_]+)`).exec(source)?.[1]?.replaceAll('_', ''))
  const preStop = (server['lifecycle'] as { preStop: { exec: { command: string[] } } }).preStop
  t.equal(preStop.exec.command[0], 'sleep')
  const drainSeconds =
    Number(preStop.exec.command[1]) + (ms('DRAIN_NOTICE_MS') + ms('DRAIN_LIMIT_MS')) / 1_000
  const patience = podOf(deployment)!.spec['terminationGracePeriodSeconds'] as number
  t.ok(patience >= drainSeconds + 10, `${patience} s for ${drainSeconds} s`)
  t.end()
})

void t.test('probes, asked of the server: they answer', async (t) => {
  const app = await startApp(t)
  const paths = ['startupProbe', 'livenessProbe', 'readinessProbe'].map(
    (name) => (server[name] as { httpGet: { path: string; port: string } }).httpGet
  )
  t.strictSame(
    paths.map(({ path }) => path),
    ['/livez', '/livez', '/readyz']
  )
  for (const { path, port } of paths) {
    t.equal(port, 'http')
    t.equal((await app.get(path)).statusCode, 200)
  }
})
