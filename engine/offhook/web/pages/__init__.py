"""The pages, by what they are about; each module gives its ``routes``."""
