export type Sample = { name: string; labels: Record<string, string>; value: number }
export type Family = { name: string; type: string; help: string; samples: Sample[] }

/** What a scrape says (Prometheus' text format 0.0.4), family by family. */
export function parseMetrics(text: string): Family[] {
  const families: Family[] = []
  for (const line of text.split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? []
    if (keyword === 'HELP') families.push({ name, type: '', help: rest, samples: [] })
    else if (keyword === 'TYPE') families.at(-1)!.type = rest
    else if (line !== '') families.at(-1)!.samples.push(sampleOf(line))
  }
  return families
}

function sampleOf(line: string): Sample {
  const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line)
  if (match === null) throw new Error(`No sample: ${line}`)
  const [, name = '', labels = '', value = ''] = match
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])),
    value: value === '+Inf' ? Infinity : Number(value)
  }
}

/** The value of a series, or undefined where it is not there. */
export function valueOf(
  text: string,
  name: string,
  labels: Record<string, string> = {}
): number | undefined {
  return parseMetrics(text)
    .flatMap(({ samples }) => samples)
    .find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value)
    )?.value
}
