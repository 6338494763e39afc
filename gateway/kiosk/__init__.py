"""The kiosk of a township's hall: which services there are, how each goes, and what citizens ask."""
