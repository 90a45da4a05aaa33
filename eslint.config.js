import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Features may call each other's services, never each other's stores or routes. */
const FEATURES = [
  'signing',
  'tokens',
  'accounts',
  'sessions',
  'abuse',
  'mail',
  'audit',
  'admin',
  'oauth',
  'webhooks',
  'pages',
  'ops'
]

const DATABASE = ['pg', 'ioredis', '@prisma/*', '**/platform/prisma/*']
const WEB = ['fastify', 'fastify-plugin', '@fastify/*']

const forbid = (groups) => [
  'error',
  { patterns: groups.map(([group, message]) => ({ group, message })) }
]
const noDatabase = [DATABASE, 'Only stores and platform/ reach the database.']
const noWeb = [WEB, 'Only routes, http/, pages/, ops/ and the root files know about HTTP.']

const foreignInside = (feature) => [
  FEATURES.filter((other) => other !== feature).flatMap((other) => [
    `**/${other}/**/*store.ts`,
    `**/${other}/**/*routes.ts`
  ]),
  "Call the other feature's service, not its store or routes."
]

const webFiles = (feature) => [`src/${feature}/**/*routes.ts`, `src/${feature}/schemas.ts`]

export default defineConfig(
  globalIgnores(['node_modules', 'src/platform/prisma', '.data', '.tap', 'coverage']),
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname }
    }
  },
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/strict-boolean-expressions': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `interface` merges into a library's declarations; everything else is a `type`.
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'no-console': 'error'
    }
  },
  { files: ['src/platform/**/*.ts'], rules: { 'no-restricted-imports': forbid([noWeb]) } },
  {
    files: ['src/lib/**/*.ts'],
    rules: {
      'no-restricted-imports': forbid([
        noWeb,
        noDatabase,
        [['**/platform/**', '../config.ts', 'node:fs*', 'node:http*'], 'lib/ is pure.']
      ])
    }
  },
  {
    files: ['src/http/**/*.ts'],
    rules: { 'no-restricted-imports': forbid([noDatabase, foreignInside(undefined)]) }
  },
  ...FEATURES.flatMap((feature) => [
    {
      files: [`src/${feature}/**/*.ts`],
      rules: { 'no-restricted-imports': forbid([noWeb, noDatabase, foreignInside(feature)]) }
    },
    {
      files: [`src/${feature}/**/*store.ts`],
      rules: { 'no-restricted-imports': forbid([noWeb, foreignInside(feature)]) }
    },
    {
      files: webFiles(feature),
      rules: { 'no-restricted-imports': forbid([noDatabase, foreignInside(feature)]) }
    }
  ]),
  {
    files: ['src/{pages,ops}/**/*.ts'],
    ignores: ['**/*store.ts'],
    rules: { 'no-restricted-imports': forbid([noDatabase, foreignInside(undefined)]) }
  },
  // A test awaits what it asserts on; fixtures and answers are plain JSON.
  {
    files: ['test/**/*.ts', 'scripts/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off'
    }
  }
)
