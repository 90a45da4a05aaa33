import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse, stringify } from 'yaml'
import { promtool } from '../support/promtool.ts'
import { ROOT } from './compose-file.ts'

type Rule = {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string; runbook_url: string }
}
type Target = { expr: string; datasource: { uid: string } }
type Panel = {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  description?: string
  datasource?: { uid: string }
  targets?: Target[]
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const RULES_FILE = join(ROOT, 'deploy/prometheus/alerts.yaml')
const { groups } = parse(readFileSync(RULES_FILE, 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(read('deploy/grafana/latchkey.json')) as {
  panels: Panel[]
  schemaVersion: number
  templating: { list: { name: string; type: string; query: unknown }[] }
}
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** The labels of every series in docs/metrics.md, which a scrape is held against. */
const known = new Map(
  [...read('docs/metrics.md').matchAll(/^\| `(latchkey_\w+)` +\| (\w+) +\| ([^|]*)\|/gm)].map(
    ([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!) }
    ]
  )
)

/** Every series that an expression names is there, with the labels that it is asked for. */
function namesWhatIs(t: Test, expression: string): void {
  for (const [, name = '', selector = ''] of expression.matchAll(
    /(latchkey_\w+)(?:\{([^}]*)\})?/g
  )) {
    const family = name.replace(/_(bucket|count|sum)$/, '')
    const metric = known.get(known.has(name) ? name : family)
    t.ok(metric, `${name} is in docs/metrics.md`)
    if (name.endsWith('_bucket')) t.equal(metric?.type, 'histogram', name)
    for (const [, label = ''] of selector.matchAll(/(\w+)(?:=|!=|=~|!~)"/g))
      t.ok(label === 'job' || metric?.labels.includes(label), `${name} has ${label}`)
  }
}

void t.test('the alert rules, read by Prometheus: right', (t) => {
  const { isContent, said } = promtool('check', 'rules', RULES_FILE)
  t.ok(isContent, said)
  t.match(said, `SUCCESS: ${rules.length} rules found`)
  t.end()
})

void t.test(
  'the alert rules, over made-up hours: they ring when they should, and only then',
  (t) => {
    const { isContent, said } = promtool(
      'test',
      'rules',
      join(ROOT, 'deploy/prometheus/alerts.test.yaml')
    )
    t.ok(isContent, said)
    t.end()
  }
)

void t.test(
  'every alert: series that exist, how urgent it is, and a section of the runbook',
  (t) => {
    const sections = read('docs/runbook.md').split(/^## /m).slice(1)
    for (const { alert, expr, labels, annotations } of rules) {
      namesWhatIs(t, expr)
      t.match(labels.severity, /^(page|ticket)$/, alert)
      t.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`)
      const section = sections.find((text) => text.startsWith(`${alert}\n`))
      for (const part of ['Means', 'Look', 'Do'])
        t.match(section, `**${part}.**`, `${alert}: ${part}`)
    }
    t.equal(sections.length, rules.length, 'and no section without an alert')
    t.end()
  }
)

void t.test(
  'every expression of the dashboard, read by Prometheus: right, of series that exist',
  (t) => {
    const probes = expressions.map((expression, index) => ({
      record: `probe:${index}`,
      expr: expression.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'latchkey')
    }))
    const file = join(t.testdir({}), 'dashboard.yaml')
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: probes }] }))
    const { isContent, said } = promtool('check', 'rules', file)
    t.ok(isContent, said)
    t.match(said, `${probes.length} rules found`)
    for (const expression of expressions) namesWhatIs(t, expression)
    t.end()
  }
)

void t.test(
  'the dashboard, as Grafana imports it: sound, of whichever data source is chosen',
  (t) => {
    t.ok(dashboard.schemaVersion >= 36)
    const variables = dashboard.templating.list.map(({ name }) => name)
    t.strictSame(variables, ['datasource', 'job'])
    t.match(dashboard.templating.list[0], { type: 'datasource', query: 'prometheus' })
    const { panels } = dashboard
    t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids')
    for (const { type, title, description, datasource, targets = [] } of panels) {
      if (type === 'row') continue
      t.ok(description, `${title} says what it shows`)
      t.equal(datasource?.uid, '${datasource}', title)
      t.ok(targets.length > 0 && targets.every((one) => one.datasource.uid === '${datasource}'))
    }
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_cell, i) => `${x + (i % w)},${y + Math.floor(i / w)}`)
    )
    t.equal(new Set(cells).size, cells.length, 'no panel lies on another')
    t.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24))
    t.end()
  }
)
