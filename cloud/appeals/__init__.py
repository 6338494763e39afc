"""Appeals against lines of published reports: who files one, and who hears it."""
