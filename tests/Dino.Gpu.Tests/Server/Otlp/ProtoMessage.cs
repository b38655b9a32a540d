using System.Text;
using Google.Protobuf;

namespace Dino.Gpu.Tests.Server.Otlp;

/// <summary>A message of protobuf without its schema: fields by number, as they were sent.</summary>
internal sealed class ProtoMessage
{
    private readonly List<(int Number, object Value)> _fields = []; // ulong or byte[]

    /// <summary>Reads a message.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are none.</exception>
    public static ProtoMessage Parse(byte[] bytes)
    {
        var message = new ProtoMessage();
        var input = new CodedInputStream(bytes);
        for (uint tag; (tag = input.ReadTag()) != 0;)
        {
            object value = WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.Varint => input.ReadUInt64(),
                WireFormat.WireType.Fixed64 => input.ReadFixed64(),
                WireFormat.WireType.Fixed32 => (ulong)input.ReadFixed32(),
                WireFormat.WireType.LengthDelimited => input.ReadBytes().ToByteArray(),
                _ => throw new InvalidDataException("groups are not in use"),
            };
            message._fields.Add((WireFormat.GetTagFieldNumber(tag), value));
        }

        return message;
    }

    /// <summary>The messages of a field.</summary>
    public IEnumerable<ProtoMessage> Messages(int number) => Values<byte[]>(number).Select(Parse);

    /// <summary>The text of a field; empty if it is missing.</summary>
    public string Text(int number) => Encoding.UTF8.GetString(Bytes(number));

    /// <summary>The bytes of a field; empty if it is missing.</summary>
    public byte[] Bytes(int number) => Values<byte[]>(number).FirstOrDefault() ?? [];

    /// <summary>The number of a field; 0 if it is missing.</summary>
    public ulong Whole(int number) => Values<ulong>(number).FirstOrDefault();

    private IEnumerable<T> Values<T>(int number) => _fields.Where(field => field.Number == number).Select(field => field.Value).OfType<T>();
}
