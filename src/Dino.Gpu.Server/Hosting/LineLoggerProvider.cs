using Microsoft.Extensions.Logging;

namespace Dino.Gpu.Server.Hosting;

/// <summary>Logs lines, each with its failure behind it.</summary>
/// <param name="write">Told the level and the line.</param>
internal sealed class LineLoggerProvider(Action<LogLevel, string> write) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Logger(write);

    public void Dispose()
    {
    }

    private sealed class Logger(Action<LogLevel, string> write) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            ArgumentNullException.ThrowIfNull(formatter);
            string line = formatter(state, exception);
            write(logLevel, exception is null ? line : $"{line} ({exception.GetType().Name}: {exception.Message})".ReplaceLineEndings(" "));
        }
    }
}
