// node bench/chart.ts [FROM.json TO.svg]: draws what bench/result.json says, for the README.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Row } from './speed/report.ts'

const ROOT = join(import.meta.dirname, '..')
const [from = 'docs/bench-result.json', to = 'docs/bench.svg'] = process.argv.slice(2)

const WIDTH = 760
const LABEL = 190
const BAR = 15
const GROUP = 2 * BAR + 20
const TOP = 44

const rows = (JSON.parse(await readFile(join(ROOT, from), 'utf8')) as Row[]).filter(
  ({ bestPeer }) => bestPeer !== null
)
await writeFile(join(ROOT, to), draw(rows))

/** Two bars an operation, each operation on a scale of its own: rates from 20 to 100,000 share no axis. */
function draw(shown: Row[]): string {
  const height = TOP + shown.length * GROUP + 12
  const groups = shown.map((row, n) => group(row, TOP + n * GROUP))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="t">
<title id="t">Requests a second, Latchkey beside the best of its peers</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.n { font-size: 12px }
.ours { fill: #0b5fff } .peer { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ours { fill: #58a6ff } }
</style>
<rect class="ours" x="${LABEL}" y="14" width="12" height="12"/><text x="${LABEL + 18}" y="25">Latchkey</text>
<rect class="peer" x="${LABEL + 100}" y="14" width="12" height="12"/><text x="${LABEL + 118}" y="25">the best peer, requests a second</text>
${groups.join('\n')}
</svg>
`
}

function group({ operation, ours, bestPeer, peer, againstPeer }: Row, y: number): string {
  const most = Math.max(ours, bestPeer ?? 0)
  const room = WIDTH - LABEL - 270
  const bar = (value: number, kind: string, at: number, text: string) => {
    const width = Math.max(1, (value / most) * room)
    return `<rect class="${kind}" x="${LABEL}" y="${at}" width="${width.toFixed(1)}" height="${BAR}"/><text class="n" x="${(LABEL + width + 6).toFixed(1)}" y="${at + 12}">${escape(text)}</text>`
  }
  const rate = (value: number) => value.toLocaleString('en-US')
  const times = againstPeer === null ? '' : ` (${againstPeer.toFixed(1)} ×)`
  return [
    `<text x="${LABEL - 10}" y="${y + BAR + 4}" text-anchor="end">${escape(operation)}</text>`,
    bar(ours, 'ours', y, rate(ours) + times),
    bar(bestPeer ?? 0, 'peer', y + BAR + 1, `${rate(bestPeer ?? 0)} ${peer ?? ''}`)
  ].join('\n')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
