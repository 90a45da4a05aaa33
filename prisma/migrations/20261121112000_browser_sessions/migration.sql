-- AlterEnum
ALTER TYPE "session_delivery" ADD VALUE 'browser';
