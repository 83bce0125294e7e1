"""Texts for measuring drafts, and code that no model was trained on."""

from __future__ import annotations

from benchmarks import corpus

#: A typical cell that plots panel by panel. Drafts should find its lines again.
REPEATING = """\
import matplotlib.pyplot as plt
import pandas as pd

weather = pd.read_csv("weather.csv", parse_dates=["date"]).set_index("date")
fig, axes = plt.subplots(2, 3, figsize=(12, 6), sharex=True)

axes[0, 0].plot(weather.index, weather["temperature"], color="tab:red", linewidth=1, label="temperature")
axes[0, 0].set_ylabel("temperature")
axes[0, 0].set_title("temperature by day")
axes[0, 0].legend(loc="upper left")
axes[0, 0].grid(alpha=0.3)

axes[0, 1].plot(weather.index, weather["humidity"], color="tab:blue", linewidth=1, label="humidity")
axes[0, 1].set_ylabel("humidity")
axes[0, 1].set_title("humidity by day")
axes[0, 1].legend(loc="upper left")
axes[0, 1].grid(alpha=0.3)

axes[0, 2].plot(weather.index, weather["pressure"], color="tab:green", linewidth=1, label="pressure")
axes[0, 2].set_ylabel("pressure")
axes[0, 2].set_title("pressure by day")
axes[0, 2].legend(loc="upper left")
axes[0, 2].grid(alpha=0.3)

"""

#: How it continues.
REPEATED = """\
axes[1, 0].plot(weather.index, weather["wind"], color="tab:orange", linewidth=1, label="wind")
axes[1, 0].set_ylabel("wind")
axes[1, 0].set_title("wind by day")
axes[1, 0].legend(loc="upper left")
axes[1, 0].grid(alpha=0.3)

axes[1, 1].plot(weather.index, weather["rain"], color="tab:purple", linewidth=1, label="rain")
axes[1, 1].set_ylabel("rain")
axes[1, 1].set_title("rain by day")
axes[1, 1].legend(loc="upper left")
axes[1, 1].grid(alpha=0.3)
"""


def own_source() -> str:
    """Return old code of this package: ordinary Python that no model was trained on."""
    return corpus.read("package.txt")
