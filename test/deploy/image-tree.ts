import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import type { Teardown } from '../support/database.ts'
import { ROOT } from './compose-file.ts'
import { copiesOf, isIgnored, readStages } from './dockerfile.ts'

const INSTALL = 'npm ci --omit=dev --omit=optional'

type Lock = {
  packages: Record<string, { dev?: boolean; optional?: boolean; devOptional?: boolean }>
}

/**
 * The files of the image, put together as the Dockerfile says: its copies, .dockerignore and what it trims.
 * Packages come from the checkout instead of the registry.
 */
export async function assembleImage(t: Teardown): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), 'latchkey-image-'))
  t.teardown(() => rm(tree, { recursive: true, force: true }))
  for (const { from, sources, target } of copiesOf(readStages().at(-1)!)) {
    for (const source of sources) {
      if (from === 'tuned') continue // what a compiler adds; without it the shipped binary runs
      if (from === 'modules') installProduction(tree)
      else if (from === 'client')
        cpSync(join(ROOT, relative('/app', source)), join(tree, target), { recursive: true })
      else {
        const destination = target === './' ? join(tree, basename(source)) : join(tree, target)
        const filter = (path: string) => !isIgnored(relative(ROOT, path))
        cpSync(join(ROOT, source), destination, { recursive: true, filter })
      }
    }
  }
  return tree
}

/** What `npm ci` without development and optional packages leaves, trimmed by the rest of that RUN. */
function installProduction(tree: string): void {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock
  for (const [path, { dev, optional, devOptional }] of Object.entries(lock.packages)) {
    if (path === '' || (dev ?? optional ?? devOptional) === true) continue
    cpSync(join(ROOT, path), join(tree, path), { recursive: true })
  }
  execFileSync('/bin/sh', ['-c', trimming()], { cwd: tree })
}

function trimming(): string {
  const modules = readStages().find(({ name }) => name === 'modules')
  const command = modules?.instructions.find(({ name }) => name === 'RUN')?.text ?? ''
  if (!command.startsWith(`${INSTALL} `)) throw new Error(`It no longer begins with ${INSTALL}`)
  return command.replace(INSTALL, 'true')
}
