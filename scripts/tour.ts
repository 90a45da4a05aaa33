// npm run tour [-- URL]: walks the whole main job against a running server and prints each step. Without
// URL it asks where a server of this environment would listen.
import { createGuide } from './tour/guide.ts'
import { Surprise } from './tour/surprise.ts'
import { walk } from './tour/walk.ts'

// As everywhere: empty counts as unset.
const set = (name: string) => (process.env[name] === '' ? undefined : process.env[name])
const target = process.argv[2] ?? set('ISSUER') ?? `http://localhost:${set('PORT') ?? '3000'}`
const guide = createGuide((line) => process.stdout.write(`${line}\n`))

try {
  const url = URL.parse(target)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Surprise(`"${target}" is no URL. Give one: npm run tour -- http://localhost:3000`)
  }
  await walk(url.origin, guide)
  guide.close()
} catch (error) {
  const isFinding = error instanceof Surprise
  guide.fail(isFinding ? error.message : `An answer could not be understood: ${String(error)}`)
  process.exitCode = 1
}
