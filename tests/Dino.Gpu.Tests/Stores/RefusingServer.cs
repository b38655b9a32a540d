using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Dino.Gpu.Tests.Stores;

/// <summary>Answers every PostgreSQL client with one error, as a server does that does not let it in.</summary>
internal sealed class RefusingServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public RefusingServer(string state, string message)
    {
        _listener.Start();
        _ = ServeAsync(state, message);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync(string state, string message)
    {
        byte[] fields = Encoding.UTF8.GetBytes($"SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
        byte[] error = [(byte)'E', 0, 0, (byte)((fields.Length + 4) >> 8), (byte)(fields.Length + 4), .. fields];
        while (true)
        {
            using TcpClient client = await _listener.AcceptTcpClientAsync();
            NetworkStream stream = client.GetStream();
            byte[] buffer = new byte[1024];
            int read = await stream.ReadAtLeastAsync(buffer, 8);
            if (read == 8) // a request for TLS
            {
                await stream.WriteAsync("N"u8.ToArray());
                await stream.ReadAtLeastAsync(buffer, 8);
            }

            await stream.WriteAsync(error);
        }
    }
}
