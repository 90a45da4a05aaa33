import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Eta } from 'eta'

const eta = new Eta({ views: join(import.meta.dirname, 'templates'), cache: true })

/** A page of our own: the layout around `template`, every value escaped. */
export function renderPage(template: string, data: Record<string, unknown>): string {
  return eta.render(`${template}.eta`, data)
}

/** The style sheet that all pages share: classless, light and dark, read once. */
export const stylesheet = readFileSync(
  fileURLToPath(import.meta.resolve('@picocss/pico/css/pico.classless.min.css'))
)
