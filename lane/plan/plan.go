// Package plan decides which services a commit changes (rule E4).
package plan
